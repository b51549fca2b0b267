"""The probes of the doctor: devices, broker, service, access rights."""
