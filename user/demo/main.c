/*
 * demo: what the memory management does, step by step.
 *
 *	demo			lists the demos
 *	demo NAME		one of them; Enter goes on
 *	demo NAME --auto	the same without waiting
 *
 * Status 0: everything was seen as it was said. 1: it was not. 2: there is no such demo, or not here.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "step.h"

static const struct demo *const demos[] = {&demo_cow, &demo_guard, &demo_mremap, &demo_lazy};

static void list(FILE *out)
{
	fprintf(out, "usage: demo NAME [--auto]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(demos); i++)
		fprintf(out, "  %-8s %s\n", demos[i]->name, demos[i]->about);
}

int main(int argc, char **argv)
{
	bool automatic = argc == 3 && !strcmp(argv[2], "--auto");

	if (argc == 1) {
		list(stdout);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--work")) {
		lazy_work();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(demos) && (argc == 2 || automatic); i++) {
		if (strcmp(argv[1], demos[i]->name))
			continue;
		if (demos[i]->only_quire && !on_quire()) {
			fprintf(stderr,
				"demo %s: this kernel is not Quire and does not show these "
				"things\n",
				argv[1]);
			return 2;
		}
		steps_begin(demos[i], !automatic);
		demos[i]->run();
		steps_end();
		return 0;
	}
	list(stderr);
	return 2;
}
