"""The only modules that use boto3. Each translates AWS errors into the domain's own."""
