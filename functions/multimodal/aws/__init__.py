"""The ports on AWS services; nothing else imports boto3."""
