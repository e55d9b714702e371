"""Each line with @scope begins a definition, each with @block opens a block that is filled."""

import os


@os.path.join  # @scope
class Stack:  # @scope @block
    items = []

    def push(self, item):  # @scope @block
        if item:  # @block
            self.items.append({"a": item})
        else:  # @block
            raise ValueError("if x:")

    async def pop(  # @scope
        self,
    ):  # @block
        return self.items.pop()
