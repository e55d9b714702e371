# Each line with @scope begins a definition, each with @block opens a block that is filled.

push() { # @scope @block
  if true; then # @block
    echo "then"
  else # @block
    for x in a b; do # @block
      echo "$x"
    done
  fi
}
