"""Networks with published weights, read as plain tensors."""
