"""Lambda function: see app.py."""
