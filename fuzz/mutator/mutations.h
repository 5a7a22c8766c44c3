/* mutations.h: the operators, from mutations.def. Each makes one edit and returns true, or finds no
 * place for it and returns false with nothing changed. */
#ifndef MUTATOR_MUTATIONS_H
#define MUTATOR_MUTATIONS_H

#include "subject.h"

typedef bool mutation_fn(subject *s);

#define IMAGO_MUTATION(function, name, formats, effect, weight, summary) mutation_fn function;
#include "mutations.def"
#undef IMAGO_MUTATION

#endif
