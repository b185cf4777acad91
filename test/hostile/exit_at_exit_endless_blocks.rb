#=> timeout
#! timeout=50
# A block that registers the next one, for ever.
again = proc { at_exit(&again) }
at_exit(&again)
exit 3
