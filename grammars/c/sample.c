// Each line with @scope begins a definition, each with @block opens a block that is filled.
#include <a.h>

struct stack { // @scope @block
    int *items;
};

int values[] = {
    1,
};

static int push(struct stack *s, int x) { // @scope @block
    while (x) { // @block
        x--;
    }
    return 0;
}
