"""The fine-tuning protocol: an encoder gets a head for each task, trained on its train split, and is then asked."""
