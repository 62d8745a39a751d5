"""The radiomics job as a Lambda function: exact objects in, the same command, the same objects out (`fast-1`)."""
