"""Contrastive learning on the suspect set itself, labels never touched."""
