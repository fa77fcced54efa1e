#include <stdio.h>
int main(void){ printf("hello %d %s\n", 42, "newlib"); return 3; }
