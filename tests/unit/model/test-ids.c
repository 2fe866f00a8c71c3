#include "check.h"
#include "model/ids.h"

TEST(ids_have_the_prefixes_of_the_table) {
        static const struct { enum type_id type; const char *id; } rows[] = {
                { T_account, "1a7" }, { T_project, "1a7" }, { T_agent, "1a7" }, { T_accountLink, "1al7" }, { T_auditLog, "1al7" },
                { T_backup, "1b7" }, { T_backupTarget, "1bt7" }, { T_certificate, "1c7" }, { T_credential, "1c7" }, { T_apiKey, "1c7" },
                { T_password, "1c7" }, { T_registrationToken, "1c7" }, { T_registryCredential, "1c7" }, { T_containerEvent, "1ce7" },
                { T_dynamicSchema, "1ds7" }, { T_deploymentUnit, "1du7" }, { T_environment, "1e7" }, { T_externalEvent, "1ee7" },
                { T_externalHostEvent, "1ee7" }, { T_externalHandler, "1eh7" }, { T_externalHandlerProcess, "1ehp7" },
                { T_genericObject, "1go7" }, { T_register, "1go7" }, { T_pullTask, "1go7" }, { T_host, "1h7" }, { T_hostTemplate, "1ht7" },
                { T_healthcheckInstance, "1hi7" }, { T_healthcheckInstanceHostMap, "1hihm7" }, { T_instance, "1i7" }, { T_container, "1i7" },
                { T_virtualMachine, "1i7" }, { T_image, "1i7" }, { T_identity, "1i7" }, { T_ipAddress, "1ia7" }, { T_instanceHostMap, "1ihm7" },
                { T_instanceLink, "1il7" }, { T_label, "1l7" }, { T_mount, "1m7" }, { T_machineDriver, "1md7" }, { T_network, "1n7" },
                { T_defaultNetwork, "1n7" }, { T_nic, "1n7" }, { T_networkDriver, "1nd7" }, { T_port, "1p7" }, { T_physicalHost, "1ph7" },
                { T_machine, "1ph7" }, { T_projectMember, "1pm7" }, { T_projectTemplate, "1pt7" }, { T_processInstance, "1pi7" },
                { T_processExecution, "1pe7" }, { T_processDefinition, "1pd7" }, { T_region, "1r7" }, { T_service, "1s7" },
                { T_loadBalancerService, "1s7" }, { T_snapshot, "1s7" }, { T_subnet, "1s7" }, { T_stack, "1st7" }, { T_kubernetesStack, "1st7" },
                { T_secret, "1se7" }, { T_serviceEvent, "1se7" }, { T_serviceConsumeMap, "1scm7" }, { T_serviceExposeMap, "1sem7" },
                { T_serviceLog, "1sl7" }, { T_scheduledUpgrade, "1su7" }, { T_storageDriver, "1sd7" }, { T_storagePool, "1sp7" },
                { T_registry, "1sp7" }, { T_task, "1t7" }, { T_taskInstance, "1ti7" }, { T_userPreference, "1up7" }, { T_volume, "1v7" },
                { T_volumeTemplate, "1vt7" },
        };
        char buf[ID_TEXT_MAX];
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CHECK_STR(id_format(API_V2_BETA, rows[i].type, 7, buf), ==, rows[i].id);
                int64_t n = 0;
                CHECK_INT(id_decode_number(buf, strlen(buf), false, &n), ==, 0);
                CHECK_INT(n, ==, 7);
        }
        CHECK_STR(id_format(API_V1, T_stack, 5, buf), ==, "1e5");
        CHECK_STR(id_format(API_V1, T_composeProject, 5, buf), ==, "1e5");
        CHECK_STR(id_format(API_V1, T_register, 5, buf), ==, "1go5");
        CHECK_STR(id_format(API_V2_BETA, T_container, INT64_MAX, buf), ==, "1i9223372036854775807");
        CHECK_STR(id_format(API_V2_BETA, T_NONE, 5, buf), ==, "");
}

TEST(every_type_has_a_prefix_of_a_one_and_letters) {
        for (unsigned i = 1; i < T_MAX; i++) {
                char buf[ID_TEXT_MAX];
                id_format(API_V2_BETA, (enum type_id) i, 3, buf);
                CHECK_INT(buf[0], ==, '1');
                CHECK_INT(strspn(buf + 1, "abcdefghijklmnopqrstuvwxyz"), ==, strlen(buf) - 2);
        }
}

TEST(ids_that_are_names_are_written_behind_a_bang_or_as_they_are) {
        static const struct { enum type_id type; const char *name, *id; } rows[] = {
                { T_identity, "rancher_id:1a7", "1i!rancher_id:1a7" }, { T_processDefinition, "instance.start", "1pd!instance.start" },
                { T_instance, "12", "1i12" }, { T_setting, "api.host", "api.host" }, { T_activeSetting, "api.host", "api.host" },
                { T_typeDocumentation, "container", "container" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf b = SBUF(256);
                id_format_name(API_V2_BETA, rows[i].type, rows[i].name, &b);
                CHECK_STR(sbuf_str(&b), ==, rows[i].id);
                const char *s;
                size_t len;
                int64_t n;
                CHECK_INT(id_decode(sbuf_str(&b), b.len, false, &s, &len, &n), ==, 0);
                CHECK_INT(len, ==, strlen(rows[i].name));
                CHECK_INT(memcmp(s, rows[i].name, len), ==, 0);
        }
}

TEST(decoding_follows_the_rules_of_the_specification) {
        static const struct { const char *in; bool plain; int r; const char *name; int64_t n; } rows[] = {
                { "1i5", false, 0, "5", 5 }, { "1zzz5", false, 0, "5", 5 }, { "1i!5", false, 0, "5", 5 }, { "api.host", false, 0, "api.host", -1 },
                { "1i!rancher_id:1a1", false, 0, "rancher_id:1a1", -1 }, { "1pd!instance.start", false, 0, "instance.start", -1 },
                { "container", false, 0, "container", -1 }, { "5", false, -EINVAL, NULL, 0 }, { "5", true, 0, "5", 5 },
                { "2i5", false, -EINVAL, NULL, 0 }, { "15", false, -EINVAL, NULL, 0 }, { "1", false, -EINVAL, NULL, 0 },
                { "15", true, 0, "15", 15 }, { "1!5", false, -EINVAL, NULL, 0 }, { "", false, -EINVAL, NULL, 0 },
                { "1i", false, -EINVAL, NULL, 0 }, { "1i!", false, -EINVAL, NULL, 0 }, { "-1", true, -EINVAL, NULL, 0 },
                { "1i5x", false, 0, "5x", -1 }, { "1i-5", false, 0, "-5", -1 }, { "1i99999999999999999999", false, 0, "99999999999999999999", -1 },
                { "1i9223372036854775808", false, 0, "9223372036854775808", -1 }, { "1iA5", false, 0, "A5", -1 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *s = NULL;
                size_t len = 0;
                int64_t n = 0;
                print_message("%s\n", rows[i].in);
                CHECK_INT(id_decode(rows[i].in, strlen(rows[i].in), rows[i].plain, &s, &len, &n), ==, rows[i].r);
                if (rows[i].r == 0) {
                        CHECK_INT(len, ==, strlen(rows[i].name));
                        CHECK_INT(memcmp(s, rows[i].name, len), ==, 0);
                        CHECK_INT(n, ==, rows[i].n);
                }
        }
        int64_t n = 42;
        CHECK_INT(id_decode_number("api.host", 8, false, &n), ==, -EINVAL);
        CHECK_INT(n, ==, 42);
}

TEST_MAIN("model/ids")
