"""What all experiments are made of: settings, training, checkpoints, folders of runs."""
