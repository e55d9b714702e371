# Each line with @scope begins a definition, each with @block opens a block that is filled.

source ./lib.sh # @import ./lib.sh
. "other.sh" # @import other.sh

LIMIT=3 # @constant LIMIT
export name=a # @variable name

push() { # @scope @block @function push
  local inner=1
  if true; then # @block
    echo "then"
  else # @block
    for x in a b; do # @block
      echo "$x"
    done
  fi
}

function pop { # @scope @function pop
  echo "$1"
}
