"""What the tables and figures of all experiments share: reading results, captions, styles."""
