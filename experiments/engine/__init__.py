"""The code that all experiments share: settings, training, checkpoints, folders of runs."""
