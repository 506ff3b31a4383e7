"""What was received and not yet reconciled."""
