/* run_mutants.c: wakes mutants one after the other and runs tests until one fails.
 *
 *   run_mutants [--jobs N] [--patience SECONDS] TESTS MUTANTS
 *
 * TESTS has a line per test: name, folder to run it in, command (for sh). MUTANTS has a line per
 * mutant: number, number of its function. First every test is run without a mutant: what fails,
 * skips itself or takes seconds then is left out, its processor time sets the limit later, and the
 * functions that it calls say for which mutants it is worth running. Tests that killed mutants of
 * the same function before come first, cheap ones before others.
 *
 * With a patience, a mutant that has lived through tests of so many seconds in all has survived.
 * Prints a line per mutant: number, fate (killed, crashed, timeout, survived, unreached), the test.
 */
#define _DEFAULT_SOURCE /* wait4 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of a test without a mutant: what takes longer would be run for every survivor. */
enum { MOST_SECONDS = 15 };

enum { MOST_TESTS = 1024, MOST_MUTANTS = 1 << 16, MOST_FUNCTIONS = 1 << 14, MOST_JOBS = 64 };

typedef struct candidate {
	char *name, *folder, *command;
	double seconds; /* of processor time, without a mutant */
	bool usable;
	unsigned char reaches[MOST_FUNCTIONS / 8];
	uint32_t num_runs, num_kills;
} candidate;

typedef struct mutant {
	int number, function;
} mutant;

typedef enum outcome { PASSED, SKIPPED, FAILED, CRASHED, TIMEOUT } outcome;

static candidate *tests; /* shared by the jobs: what one learns of a test, all know */
static size_t num_tests;
static mutant mutants[MOST_MUTANTS];
static size_t num_mutants;
static double patience = 1e9;
static uint32_t kills_here[MOST_TESTS]; /* in the function at hand */

static _Noreturn void
give_up(const char *why, const char *what)
{
	fprintf(stderr, "run_mutants: %s%s\n", why, what);
	exit(2);
}

static FILE *
open_list(const char *path)
{
	FILE *list = fopen(path, "r");
	if (list == NULL) {
		give_up("cannot open ", path);
	}
	return list;
}

static void
read_tests(const char *path)
{
	FILE *list = open_list(path);
	char *line = NULL;
	size_t capacity = 0;
	while (getline(&line, &capacity, list) > 0) {
		line[strcspn(line, "\n")] = '\0';
		char *folder = strchr(line, '\t');
		char *command = folder != NULL ? strchr(folder + 1, '\t') : NULL;
		if (command == NULL || num_tests == MOST_TESTS) {
			give_up("too many tests, or not three columns: ", line);
		}
		*folder++ = '\0';
		*command++ = '\0';
		tests[num_tests++] = (candidate){.name = line, .folder = folder, .command = command};
		line = NULL;
		capacity = 0;
	}
	free(line);
	fclose(list);
}

static void
read_mutants(const char *path)
{
	FILE *list = open_list(path);
	mutant it;
	while (fscanf(list, "%d%d%*[^\n]", &it.number, &it.function) == 2) {
		if (num_mutants == MOST_MUTANTS || it.function < 0 || it.function >= MOST_FUNCTIONS) {
			give_up("too many mutants or functions", "");
		}
		mutants[num_mutants++] = it;
	}
	fclose(list);
}

static void
limit(int what, rlim_t most)
{
	struct rlimit both = {.rlim_cur = most, .rlim_max = most};
	if (setrlimit(what, &both) != 0) {
		_exit(126);
	}
}

/* In the child: a session of its own, so that all that it starts can be ended with it. */
static _Noreturn void
become(const candidate *it, int number, const char *reach, rlim_t seconds)
{
	char text[16];
	snprintf(text, sizeof text, "%d", number);
	setenv("IMAGO_MUTANT", text, 1);
	setenv("IMAGO_MUTANT_REACH", reach, 1);
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* the first assertion that fails will do */
	int nothing = open("/dev/null", O_RDWR);
	if (setsid() < 0 || nothing < 0 || chdir(it->folder) != 0) {
		_exit(126);
	}
	signal(SIGPIPE, SIG_DFL);
	dup2(nothing, 0);
	dup2(nothing, 1);
	dup2(nothing, 2);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, seconds);
	limit(RLIMIT_AS, (rlim_t)4 << 30);
	limit(RLIMIT_FSIZE, (rlim_t)16 << 30); /* some tests make files with holes */
	char *command;
	size_t size = strlen(it->command) + sizeof "exec ";
	command = malloc(size);
	if (command == NULL) {
		_exit(126);
	}
	snprintf(command, size, "exec %s", it->command);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(126);
}

static double
processor_seconds(const struct rusage *used)
{
	return (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) +
	       (double)(used->ru_utime.tv_usec + used->ru_stime.tv_usec) / 1e6;
}

static volatile sig_atomic_t running; /* the child's process group */
static volatile sig_atomic_t rang;

static void
ring(int signal_number)
{
	(void)signal_number;
	rang = 1;
	kill(-(pid_t)running, SIGKILL);
}

/* Processor time decides; the clock on the wall, by far, only over what waits for ever. */
static outcome
run(const candidate *it, int number, const char *reach, double *seconds)
{
	rlim_t most = (rlim_t)(it->seconds * 5) + 2;
	if (number < 0) {
		most = MOST_SECONDS;
	}
	rang = 0;
	pid_t child = fork();
	if (child == 0) {
		become(it, number, reach, most);
	}
	if (child < 0) {
		give_up("cannot start: ", it->command);
	}
	running = child;
	alarm((unsigned)most * 10 + 30);
	int status = 0;
	struct rusage used;
	while (wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
	}
	alarm(0);
	kill(-child, SIGKILL); /* what it may have left behind */
	*seconds = processor_seconds(&used);
	if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) ||
	    (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
		return TIMEOUT;
	}
	if (WIFSIGNALED(status)) {
		return WTERMSIG(status) == SIGABRT ? FAILED : CRASHED;
	}
	return WEXITSTATUS(status) == 0 ? PASSED : WEXITSTATUS(status) == 77 ? SKIPPED : FAILED;
}

/* Without a mutant: what a test costs and which functions it calls. */
static void
try_test(uint32_t index)
{
	candidate *it = &tests[index];
	char path[] = "/tmp/run-mutants-XXXXXX";
	int file = mkstemp(path);
	if (file < 0) {
		give_up("cannot make ", path);
	}
	close(file);
	outcome fate = run(it, -1, path, &it->seconds);
	it->usable = fate == PASSED;
	if (!it->usable) {
		fprintf(stderr, "run_mutants: left out, it %s without a mutant: %s\n",
		        fate == SKIPPED   ? "skips itself"
		        : fate == TIMEOUT ? "takes too long"
		                          : "fails",
		        it->name);
	}
	FILE *list = open_list(path);
	int function;
	while (fscanf(list, "%d", &function) == 1) {
		if (function > 0 && function < MOST_FUNCTIONS) {
			it->reaches[function / 8] |= (unsigned char)(1 << function % 8);
		}
	}
	fclose(list);
	unlink(path);
}

static bool
reaches(const candidate *it, int function)
{
	return it->usable && (it->reaches[function / 8] >> function % 8 & 1) != 0;
}

/* The expected price of a kill. */
static double
price(const candidate *it, uint32_t kills)
{
	double chance = (it->num_kills + 1.0) / (it->num_runs + 4.0);
	return (it->seconds + 0.01) / (chance * (1.0 + 3.0 * kills));
}

/* The best test that is not yet tried. */
static candidate *
choose(const bool *tried, int function)
{
	candidate *best = NULL;
	for (size_t i = 0; i < num_tests; i++) {
		if (!tried[i] && reaches(&tests[i], function) &&
		    (best == NULL ||
		     price(&tests[i], kills_here[i]) < price(best, kills_here[best - tests]))) {
			best = &tests[i];
		}
	}
	return best;
}

static void
try_mutant(const mutant *it)
{
	static const char *const names[] = {
	    [PASSED] = "survived", [SKIPPED] = "killed",  [FAILED] = "killed",
	    [CRASHED] = "crashed", [TIMEOUT] = "timeout",
	};
	bool tried[MOST_TESTS] = {false};
	outcome fate = PASSED;
	candidate *test = NULL;
	const char *name = "";
	double spent = 0;
	while (fate == PASSED && spent < patience && (test = choose(tried, it->function)) != NULL) {
		double seconds;
		tried[test - tests] = true;
		fate = run(test, it->number, "/dev/null", &seconds);
		spent += seconds;
		test->num_runs++;
		test->num_kills += fate != PASSED;
		kills_here[test - tests] += fate != PASSED;
		name = test->name;
	}
	bool unreached = fate == PASSED && name[0] == '\0';
	printf("%d\t%s\t%s\n", it->number, unreached ? "unreached" : names[fate],
	       fate == PASSED ? "" : name);
	fflush(stdout);
}

/* The mutants of one function, from its first on. */
static void
try_function(uint32_t first)
{
	memset(kills_here, 0, sizeof kills_here);
	for (size_t i = first; i < num_mutants && mutants[i].function == mutants[first].function; i++) {
		try_mutant(&mutants[i]);
	}
}

/* Starts the jobs; each takes the next number from a pipe when it is done with one. */
static void
share_out(int jobs, void (*work)(uint32_t number), const uint32_t *numbers, size_t count)
{
	int ends[2];
	if (pipe(ends) != 0) {
		give_up("no pipe", "");
	}
	for (int i = 0; i < jobs; i++) {
		pid_t child = fork();
		if (child < 0) {
			give_up("cannot start a job", "");
		}
		if (child == 0) {
			close(ends[1]);
			uint32_t number;
			while (read(ends[0], &number, sizeof number) == (ssize_t)sizeof number) {
				work(number);
			}
			exit(0);
		}
	}
	close(ends[0]);
	for (size_t i = 0; i < count; i++) {
		if (write(ends[1], &numbers[i], sizeof *numbers) != (ssize_t)sizeof *numbers) {
			give_up("all jobs ended early", "");
		}
	}
	close(ends[1]);
	int status;
	while (wait(&status) > 0 || errno == EINTR) {
		if (status != 0) {
			give_up("a job failed", "");
		}
	}
}

int
main(int argc, char **argv)
{
	int jobs = 1;
	while (argc >= 5) {
		if (strcmp(argv[1], "--jobs") == 0) {
			jobs = atoi(argv[2]);
		} else if (strcmp(argv[1], "--patience") == 0) {
			patience = atof(argv[2]);
		} else {
			break;
		}
		argv += 2;
		argc -= 2;
	}
	if (argc != 3 || jobs < 1 || jobs > MOST_JOBS) {
		fputs("usage: run_mutants [--jobs N] [--patience SECONDS] TESTS MUTANTS\n", stderr);
		return 2;
	}
	struct sigaction action = {.sa_handler = ring};
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	tests = mmap(NULL, MOST_TESTS * sizeof *tests, PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tests == MAP_FAILED) {
		give_up("out of memory", "");
	}
	read_tests(argv[1]);
	read_mutants(argv[2]);
	static uint32_t numbers[MOST_MUTANTS];
	for (uint32_t i = 0; i < num_tests; i++) {
		numbers[i] = i;
	}
	share_out(jobs, try_test, numbers, num_tests);
	size_t count = 0;
	for (uint32_t i = 0; i < num_mutants; i++) {
		if (i == 0 || mutants[i].function != mutants[i - 1].function) {
			numbers[count++] = i;
		}
	}
	share_out(jobs, try_function, numbers, count);
	return 0;
}
