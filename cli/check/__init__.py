"""The command `multimodal check`: what an account lacks for a deployment, asked before it fails there."""
