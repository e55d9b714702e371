"""Each line with @scope begins a definition, each with @block opens a block that is filled.

@<kind> names a definition of the line, @import a module and what is taken from it.
"""

import os  # @import os
import os.path as path, sys  # @import os.path =path @import sys
from . import sibling  # @import . sibling
from ..pkg.mod import (  # @import ..pkg.mod one two=deux
    one,
    two as deux,
)
from star import *  # @import star *

LIMIT = 3  # @constant LIMIT
logger: Logger = get(__name__)  # @variable logger
logger = None
try:
    fast = True  # @variable fast
except ImportError:
    slow = True  # @variable slow


@os.path.join  # @scope
class Stack:  # @scope @block @class Stack
    items = []  # @field Stack.items
    size: int  # @field Stack.size

    def __init__(self):  # @scope @method Stack.__init__
        self.top = self.items = None  # @field Stack.top
        self.top = 1
        local = 2

    def push(self, item):  # @scope @block @method Stack.push
        if item:  # @block
            self.items.append({"a": item})
        else:  # @block
            raise ValueError("if x:")

    async def pop(  # @scope @method Stack.pop
        self,
    ):  # @block
        return self.items.pop()

    class Inner:  # @scope @class Stack.Inner
        def get(self):  # @scope @method Stack.Inner.get
            def helper():  # @scope @function Stack.Inner.get.helper
                return local

            return helper


type Alias = int  # @type Alias
