/* faulty-vfs.h: SQLite's file layer with an injected failure: the n-th write, sync or growth of shared memory fails, once or from
 * then on. Everything else goes to the real one. Any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum fault { FAULT_NONE, FAULT_WRITE /* as a full disk */, FAULT_IO /* as a broken disk */, FAULT_SYNC, FAULT_SHM };
void faulty_vfs_install(void);                          /* becomes the default; once is enough */
void faulty_vfs_arm(enum fault fault, uint64_t n, bool stay);
void faulty_vfs_clear(void);
bool faulty_vfs_was_hit(void);                          /* since it was armed */
