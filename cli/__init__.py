"""The `multimodal` command: upload, watch, retry and read results, on a stack in an account or on the laptop cloud."""
