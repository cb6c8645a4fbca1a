"""What the servers that come along share in their own environments: a home folder, a port, a silent log."""
