"""Rules of a playbook that a set of conversations suggests: mined in one half of it, confirmed in the other."""
