"""The record that every stage passes on, its ledger and its playbook."""
