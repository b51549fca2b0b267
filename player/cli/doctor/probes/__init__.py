"""What the doctor looks at: devices, broker, service, access rights."""
