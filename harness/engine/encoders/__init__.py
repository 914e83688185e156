"""Models that read a text whole: masked, classifiers, sequence to sequence."""
