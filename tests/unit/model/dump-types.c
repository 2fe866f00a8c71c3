/* dump-types.c: every (version, role, type) with its fields, actions, methods, and every process, one line each, for
 * compare-facts.py, which reads the fact table on its own. */
#include <stdio.h>

#include "model/types.h"

static const char *yes(unsigned bits, unsigned role, const char *letter) { return bits & (1U << role) ? letter : "-"; }

static void dump_field(const struct field_def *f, unsigned r) {
        const struct field_rule *u = f->rule;
        printf(" %s:%s:%s%s%s%s%s%s%s%s:%s:%d", field_name((enum field_id) f->id), f->type->text, yes(f->create, r, "c"),
               yes(f->update, r, "u"), yes(f->required, r, "r"), yes(f->nullable, r, "n"), yes(f->read_on_create_only, r, "o"),
               f->flags & FF_UNIQUE ? "q" : "-", f->flags & FF_UPDATE_PROCESS ? "p" : "-", f->flags & FF_IN_LIST ? "l" : "-",
               u->default_json ? u->default_json : "", u->n_options);
        if (u->has_min)
                printf(":min%lld", (long long) u->min);
        if (u->has_max)
                printf(":max%lld", (long long) u->max);
        if (u->has_min_length)
                printf(":minl%lld", (long long) u->min_length);
        if (u->has_max_length)
                printf(":maxl%lld", (long long) u->max_length);
        if (u->valid_chars)
                printf(":valid%s", u->valid_chars);
}

static void dump_type(const struct type_def *d, unsigned r) {
        unsigned m = d->methods[r];
        printf("type %s %s %s %s %s%s%s%s%s", d->version == API_V1 ? "v1" : "v2", role_name((enum role) r), d->name, d->plural,
               m & TM_LIST ? "L" : "-", m & TM_CREATE ? "C" : "-", m & TM_GET ? "G" : "-", m & TM_UPDATE ? "U" : "-",
               m & TM_DELETE ? "D" : "-");
        for (size_t i = 0; i < d->n_fields; i++)
                if (field_visible(&d->fields[i], (enum role) r))
                        dump_field(&d->fields[i], r);
        for (size_t i = 0; i < d->n_actions; i++)
                if (action_visible(&d->actions[i], (enum role) r))
                        printf(" !%s:%s:%s", d->actions[i].name, str_or(type_name(d->actions[i].input), ""),
                               str_or(type_name(d->actions[i].output), ""));
        putchar('\n');
}

static void dump_process(const struct process_def *p) {
        printf("process %s %s %s %s", p->name, type_name(p->base), field_name(p->state_field),
               p->delegate ? process_get(p->delegate)->name : "-");
        for (size_t i = 0; i < p->n_edges; i++)
                printf(" %s>%s>%s", state_name((enum state_id) p->edges[i].from), state_name((enum state_id) p->edges[i].via),
                       state_name((enum state_id) p->edges[i].to));
        putchar('\n');
}

int main(void) {
        for (unsigned v = 0; v < API_VERSION_MAX; v++)
                for (unsigned t = 1; t < T_MAX; t++) {
                        const struct type_def *d = type_get((enum api_version) v, (enum type_id) t);
                        for (unsigned r = 0; d && d->id == t && r < ROLE_MAX; r++)
                                if (type_visible(d, (enum role) r))
                                        dump_type(d, r);
                }
        for (unsigned p = 1; p < P_MAX; p++)
                dump_process(process_get((enum process_id) p));
        return 0;
}
