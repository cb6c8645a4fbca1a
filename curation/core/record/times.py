"""What ingest says in the metadata of a conversation whose times cannot be relied on."""

TIMES_UNREAD = "times_unread"  # the key: which field it is, and what is wrong with it
ORDER_UNSURE = "the messages stand as in the file"  # how it ends where the order of the messages hangs on that
