/* notify.h: tells a service manager how the program is (sd_notify's protocol): "READY=1", "STOPPING=1". Any thread. */
#pragma once
/* Without NOTIFY_SOCKET in the environment nothing happens; nor when nobody listens. */
void notify_manager(const char *state);
