"""Raw files to the record: containers give rows, formats make conversations of them, repairs clean the text."""
