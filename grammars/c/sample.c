// Each line with @scope begins a definition, each with @block opens a block that is filled.
#include <a.h> // @import a.h
#include "b/c.h" // @import b/c.h
#ifndef GUARD
#define LIMIT 3 // @macro LIMIT
#define SQUARE(x) ((x) * (x)) // @macro SQUARE

typedef unsigned int u32; // @scope @type u32
typedef int (*compare)(int, int); // @scope @type compare
char **names(void); // @function names
extern int shared; // @variable shared
#endif

struct stack { // @scope @block @struct stack
    int *items; // @field stack.items
    int n, m[3]; // @field stack.n @field stack.m
    int (*on_full)(int); // @field stack.on_full
};

int values[] = { // @variable values
    1,
};

static int push(struct stack *s, int x) { // @scope @block @function push
    int local = 1;
    int call(int);
    while (x) { // @block
        x--;
    }
    return 0;
}

typedef struct { // @scope @struct point
    int x; // @field point.x
} point;

typedef struct node { // @scope @struct node
    struct node *next; // @field node.next
} node_t, *node_p; // @type node_t @type node_p

enum color { RED, GREEN = 2 }; // @scope @enum color @constant color.RED @constant color.GREEN
union word { int i; float f; }; // @struct word @field word.i @field word.f

static const char *text(int i) { // @scope @function text
    return "";
}
