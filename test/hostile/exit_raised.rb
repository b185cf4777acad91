#=> exit 0 | error
raise SystemExit
