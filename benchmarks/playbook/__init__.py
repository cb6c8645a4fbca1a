"""Are the rules of a playbook found that was not read?"""
