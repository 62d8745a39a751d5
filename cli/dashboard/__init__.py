"""The command `multimodal dashboard`: the deployed dashboard with its metrics, as one page."""
