"""Foreign formats that become observations."""
