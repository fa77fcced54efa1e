// For the tests of scripts/exec: greet, print the arguments after the first, end with the first as status.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	puts("hello");
	for (int i = 2; i < argc; i++)
		printf("[%s]\n", argv[i]);
	return argc > 1 ? atoi(argv[1]) : 0;
}
