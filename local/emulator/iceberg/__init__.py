"""Iceberg tables in S3 with Glue as their catalogue, as Feature Store and Athena keep them."""
