#include "store.h"

const double store_commit_bounds_s[STORE_COMMIT_BOUNDS] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 };

struct store_batch *store_batch_new(uint64_t seq) {
        struct store_batch *b = dr_xnew(struct store_batch);
        b->seq = seq;
        return b;
}

void store_batch_free(struct store_batch *b) {
        if (!b)
                return;
        for (size_t i = 0; i < b->ops.n; i++) {
                struct store_op *op = &b->ops.v[i];
                if (op->kind == STORE_META_PUT)
                        free((char *) op->table);
                free(op->body);
        }
        vec_done(&b->ops);
        free(b);
}

void store_batch_add(struct store_batch *b, enum store_op_kind kind, const char *table, int64_t id, int64_t account_id,
                     int64_t at_ms, char *body, size_t body_len) {
        struct store_op op = {
                .kind = kind, .table = kind == STORE_META_PUT ? dr_xstrdup(table) : table,
                .id = id, .account_id = account_id, .at_ms = at_ms, .body = body, .body_len = body_len,
        };
        assert(op.table && (body || kind == STORE_DELETE || kind == STORE_BLOB_DELETE));
        /* A store keeps these two about itself; nobody else may write them. */
        assert(kind != STORE_META_PUT || (!str_eq(table, "epoch") && !str_eq(table, "schema_version")));
        vec_push(&b->ops, op);
}
