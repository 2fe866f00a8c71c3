#include "check.h"

#include "node/agent/create_body.h"

static const char *const search_domains[] = { "corp.example", "example", NULL };
static const char *const proxies[] = { "http_proxy=http://p:1", NULL };

static const char *find_id(void *ctx, const char *uuid) { return str_eq(uuid, "u-data") ? "d1d1d1" : NULL; }

/* The body of a spec written with ' for ". Ends the test when it cannot be made. */
static char *body_of(const char *spec, struct create_facts facts) {
        struct dr_error err = { 0 };
        auto_free char *text = dr_xstrdup(spec);
        for (char *p = text; *p; p++)
                if (*p == '\'')
                        *p = '"';
        AUTO(jv_put) json_object *o = jv_parse(text, strlen(text), 1 << 20, &err);
        if (!o)
                fail_msg("spec %s: %s", spec, err.message);
        char *body = NULL;
        if (create_body(o, "u1", &facts, &body, NULL, &err) < 0)
                fail_msg("spec %s: %s", spec, err.message);
        return body;
}

static void check_body(const char *name, const char *spec, const char *want, struct create_facts facts) {
        auto_free char *got = body_of(spec, facts), *expect = dr_xstrdup(want);
        for (char *p = expect; *p; p++)
                if (*p == '\'')
                        *p = '"';
        if (!str_eq(got, expect))
                fail_msg("%s:\n got  %s\n want %s", name, got, expect);
}

#define UUID_LABEL "'io.rancher.container.uuid':'u1'"
#define HEAD "{'Image':'x:1',"
#define LABELS "'Labels':{" UUID_LABEL "},"

/* What each field adds to the body of an otherwise empty spec: config is what stands before HostConfig, host inside it. */
static const struct { const char *spec, *config, *host; } fields[] = {
        { "'command':['a','b c']", "'Cmd':['a','b c'],", "" },
        { "'command':[]", "", "" },
        { "'command':'sh -c  x','commandArgs':['y z']", "'Cmd':['sh','-c','','x','y z'],", "" },
        { "'command':null", "", "" },
        { "'entryPoint':['/e','1']", "'Entrypoint':['/e','1'],", "" },
        { "'environment':{'A':'1','B':'','C':2,'D':null}", "'Env':['A=1','B=','C=2','D='],", "" },
        { "'workingDir':'/w'", "'WorkingDir':'/w',", "" },
        { "'user':'u:g'", "'User':'u:g',", "" },
        { "'stopSignal':'SIGINT'", "'StopSignal':'SIGINT',", "" },
        { "'domainName':'d.e'", "'Domainname':'d.e',", "" },
        { "'hostname':'h'", "'Hostname':'h',", "" },
        { "'tty':true", "'Tty':true,", "" },
        { "'stdinOpen':true", "'OpenStdin':true,", "" },
        { "'stopTimeout':7", "'StopTimeout':7,", "" },
        { "'ports':[]", "", "" },
        { "'publishAllPorts':true", "", "'PublishAllPorts':true" },
        { "'publishAllPorts':false", "", "" },
        { "'privileged':true", "", "'Privileged':true" },
        { "'readOnly':true", "", "'ReadonlyRootfs':true" },
        { "'capAdd':['NET_ADMIN']", "", "'CapAdd':['NET_ADMIN']" },
        { "'capDrop':['ALL']", "", "'CapDrop':['ALL']" },
        { "'dns':['1.1.1.1']", "", "'Dns':['1.1.1.1']" },
        { "'dnsSearch':['a.b']", "", "'DnsSearch':['a.b']" },
        { "'dnsSearch':['s.rancher.internal','rancher.internal']", "", "'DnsSearch':['s.rancher.internal','rancher.internal','corp.example','example']" },
        { "'dnsSearch':['s.rancher.internal','own.org']", "", "'DnsSearch':['s.rancher.internal','own.org']" },
        { "'dnsOpt':['ndots:2']", "", "'DnsOptions':['ndots:2']" },
        { "'extraHosts':['a:10.0.0.1']", "", "'ExtraHosts':['a:10.0.0.1']" },
        { "'devices':['/dev/a:/dev/b','/dev/c:/dev/d:r','/dev/e']", "",
          "'Devices':[{'PathOnHost':'/dev/a','PathInContainer':'/dev/b','CgroupPermissions':'rwm'},"
          "{'PathOnHost':'/dev/c','PathInContainer':'/dev/d','CgroupPermissions':'r'},"
          "{'PathOnHost':'/dev/e','PathInContainer':'/dev/e','CgroupPermissions':'rwm'}]" },
        { "'securityOpt':['seccomp=unconfined']", "", "'SecurityOpt':['seccomp=unconfined']" },
        { "'groupAdd':['audio']", "", "'GroupAdd':['audio']" },
        { "'pidMode':'host'", "", "'PidMode':'host'" },
        { "'ipcMode':'host'", "", "'IpcMode':'host'" },
        { "'uts':'host'", "", "'UTSMode':'host'" },
        { "'usernsMode':'host'", "", "'UsernsMode':'host'" },
        { "'cgroupParent':'/p'", "", "'CgroupParent':'/p'" },
        { "'cgroup':'c'", "", "'Cgroup':'c'" },
        { "'restartPolicy':{'name':'on-failure','maximumRetryCount':3}", "", "'RestartPolicy':{'Name':'on-failure','MaximumRetryCount':3}" },
        { "'restartPolicy':{'name':'always'}", "", "'RestartPolicy':{'Name':'always','MaximumRetryCount':0}" },
        { "'restartPolicy':null", "", "" },
        { "'logConfig':{'driver':'json-file','config':{'max-size':'1m'}}", "", "'LogConfig':{'Type':'json-file','Config':{'max-size':'1m'}}" },
        { "'logConfig':{'driver':'none','config':null}", "", "'LogConfig':{'Type':'none','Config':{}}" },
        { "'logConfig':{}", "", "" },
        { "'memory':67108864", "", "'Memory':67108864" },
        { "'memory':'67108864'", "", "'Memory':67108864" },
        { "'memorySwap':-1", "", "'MemorySwap':-1" },
        { "'memoryReservation':5", "", "'MemoryReservation':5" },
        { "'memorySwappiness':0", "", "'MemorySwappiness':0" },
        { "'memorySwappiness':null", "", "" },
        { "'kernelMemory':9", "", "'KernelMemory':9" },
        { "'oomKillDisable':true", "", "'OomKillDisable':true" },
        { "'oomKillDisable':null", "", "" },
        { "'oomScoreAdj':100", "", "'OomScoreAdj':100" },
        { "'shmSize':65536", "", "'ShmSize':65536" },
        { "'cpuShares':512", "", "'CpuShares':512" },
        { "'cpuShares':512,'milliCpuReservation':1500", "", "'CpuShares':1536" },
        { "'milliCpuReservation':1", "", "'CpuShares':2" },
        { "'cpuSet':'0,1'", "", "'CpusetCpus':'0,1'" },
        { "'cpuSetMems':'0'", "", "'CpusetMems':'0'" },
        { "'cpuPeriod':100000", "", "'CpuPeriod':100000" },
        { "'cpuQuota':50000", "", "'CpuQuota':50000" },
        { "'cpuRealtimePeriod':1", "", "'CpuRealtimePeriod':1" },
        { "'cpuRealtimeRuntime':2", "", "'CpuRealtimeRuntime':2" },
        { "'pidsLimit':64", "", "'PidsLimit':64" },
        { "'diskQuota':8", "", "'DiskQuota':8" },
        { "'ulimits':[{'name':'nofile','soft':10,'hard':20},{'name':'core','soft':0}]", "",
          "'Ulimits':[{'Name':'nofile','Soft':10,'Hard':20},{'Name':'core','Soft':0,'Hard':0}]" },
        { "'sysctls':{'net.ipv4.ip_forward':1}", "", "'Sysctls':{'net.ipv4.ip_forward':'1'}" },
        { "'tmpfs':{'/run':'size=1m'}", "", "'Tmpfs':{'/run':'size=1m'}" },
        { "'storageOpt':{'size':'1G'}", "", "'StorageOpt':{'size':'1G'}" },
        { "'runInit':true", "", "'Init':true" },
        { "'blkioWeight':300", "", "'BlkioWeight':300" },
        { "'blkioDeviceOptions':{'/dev/sda':{'weight':100,'readIops':1,'writeIops':2,'readBps':3,'writeBps':4},'DEFAULT_DISK':{'readBps':5,'weight':0}}", "",
          "'BlkioWeightDevice':[{'Path':'/dev/sda','Weight':100}],'BlkioDeviceReadIOps':[{'Path':'/dev/sda','Rate':1}],"
          "'BlkioDeviceWriteIOps':[{'Path':'/dev/sda','Rate':2}],'BlkioDeviceReadBps':[{'Path':'/dev/sda','Rate':3},{'Path':'/dev/vdz','Rate':5}],"
          "'BlkioDeviceWriteBps':[{'Path':'/dev/sda','Rate':4}]" },
        { "'volumesFromUuids':['u-data','u-gone']", "", "'VolumesFrom':['d1d1d1']" },
        { "'networkMode':'managed'", "", "" },
        { "'networkMode':'bridge'", "", "" },
        { "'networkMode':''", "", "" },
        { "'networkMode':'host','hostname':'h','ports':['80/tcp'],'publishAllPorts':true", "", "'NetworkMode':'host'" },
        { "'networkMode':'container','networkFromUuid':'u-data','hostname':'h','ports':['80/tcp']", "", "'NetworkMode':'container:d1d1d1'" },
        { "'networkMode':'container:abc'", "", "'NetworkMode':'container:abc'" },
        /* not sent on Linux, or platform metadata only */
        { "'requestedIpAddress':'1.2.3.4','ip':'1','ip6':'::1','netAlias':['a'],'isolation':'x','cpuCount':1,'cpuPercent':2,'ioMaximumIOps':3,"
          "'ioMaximumBandwidth':4,'lxcConf':{'a':'b'},'expose':['1'],'volumeDriver':'v','instanceLinks':{'a':'b'},'system':true,'unknown':{'x':1}", "", "" },
};

static const struct create_facts plain = { .api_minor = 41, .host_search = search_domains, .default_disk = "/dev/vdz", .id_of = find_id };

TEST(each_field_of_a_spec_makes_its_part_of_the_body) {
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
                auto_free char *spec = dr_xasprintf("{'imageUuid':'docker:x:1',%s}", fields[i].spec);
                /* config parts stand before the labels in table order, except what comes after them */
                auto_free char *want = dr_xasprintf("%s%s%s'HostConfig':{%s}}", HEAD, fields[i].config, LABELS, fields[i].host);
                check_body(fields[i].spec, spec, want, plain);
        }
}

TEST(a_host_network_none_disables_networking_and_keeps_the_hostname) {
        check_body("none", "{'imageUuid':'docker:x:1','networkMode':'none','hostname':'h','ports':['80/tcp']}",
                   HEAD "'Hostname':'h'," LABELS "'NetworkDisabled':true,'HostConfig':{'NetworkMode':'none'}}", plain);
}

TEST(health_numbers_become_nanoseconds_after_the_labels) {
        check_body("health", "{'imageUuid':'x:1','healthCmd':['CMD','t'],'healthInterval':5,'healthTimeout':2,'healthRetries':3}",
                   HEAD LABELS "'Healthcheck':{'Test':['CMD','t'],'Interval':5000000000,'Timeout':2000000000,'Retries':3},'HostConfig':{}}", plain);
        check_body("health without command", "{'imageUuid':'x:1','healthInterval':1}", HEAD LABELS "'Healthcheck':{'Interval':1000000000},'HostConfig':{}}", plain);
}

TEST(ports_become_exposed_ports_and_bindings) {
        static const struct { const char *port, *exposed, *bindings; } rows[] = {
                { "80", "'80/tcp':{}", "'80/tcp':[{'HostIp':'','HostPort':''}]" },
                { "80/udp", "'80/udp':{}", "'80/udp':[{'HostIp':'','HostPort':''}]" },
                { "8080:80/TCP", "'80/tcp':{}", "'80/tcp':[{'HostIp':'','HostPort':'8080'}]" },
                { "127.0.0.1:8080:80/tcp", "'80/tcp':{}", "'80/tcp':[{'HostIp':'127.0.0.1','HostPort':'8080'}]" },
                { "127.0.0.1::80", "'80/tcp':{}", "'80/tcp':[{'HostIp':'127.0.0.1','HostPort':''}]" },
                { "127.0.0.1:80", "'80/tcp':{}", "'80/tcp':[{'HostIp':'127.0.0.1','HostPort':''}]" },
                { "[::1]:8080:80", "'80/tcp':{}", "'80/tcp':[{'HostIp':'::1','HostPort':'8080'}]" },
                { "[::1]::80", "'80/tcp':{}", "'80/tcp':[{'HostIp':'::1','HostPort':''}]" },
                { "0:80/tcp", "'80/tcp':{}", "'80/tcp':[{'HostIp':'','HostPort':''}]" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *spec = dr_xasprintf("{'imageUuid':'x:1','ports':['%s']}", rows[i].port);
                auto_free char *want = dr_xasprintf(HEAD LABELS "'ExposedPorts':{%s},'HostConfig':{'PortBindings':{%s}}}", rows[i].exposed, rows[i].bindings);
                check_body(rows[i].port, spec, want, plain);
        }
        check_body("one private port twice", "{'imageUuid':'x:1','ports':['81:80/tcp','82:80/tcp','53:53/udp','0/tcp']}",
                   HEAD LABELS "'ExposedPorts':{'80/tcp':{},'53/udp':{}},'HostConfig':{'PortBindings':{"
                   "'80/tcp':[{'HostIp':'','HostPort':'81'},{'HostIp':'','HostPort':'82'}],'53/udp':[{'HostIp':'','HostPort':'53'}]}}}", plain);
}

TEST(volumes_become_binds_and_anonymous_volumes) {
        check_body("volumes", "{'imageUuid':'x:1','dataVolumes':['/anon','/h:/c','vol:/v:ro']}",
                   HEAD LABELS "'Volumes':{'/anon':{},'/c':{},'/v':{}},'HostConfig':{'Binds':['/h:/c:rw','vol:/v:ro']}}", plain);
        struct create_facts moved = plain;
        moved.docker_root = "/data/docker";
        check_body("moved docker root", "{'imageUuid':'x:1','dataVolumes':['/var/lib/docker:/var/lib/docker']}",
                   HEAD LABELS "'Volumes':{'/var/lib/docker':{}},'HostConfig':{'Binds':['/data/docker:/var/lib/docker:rw','/data/docker:/data/docker:rw']}}", moved);
}

TEST(host_search_domains_come_first_and_reversed_with_priority_service_last) {
        check_body("service_last", "{'imageUuid':'x:1','dnsSearch':['rancher.internal'],'labels':{'io.rancher.container.dns.priority':'service_last'}}",
                   HEAD "'Labels':{'io.rancher.container.dns.priority':'service_last'," UUID_LABEL "},"
                   "'HostConfig':{'DnsSearch':['example','corp.example','rancher.internal']}}", plain);
}

TEST(labels_become_text_and_the_uuid_label_cannot_be_overridden) {
        check_body("labels", "{'imageUuid':'x:1','labels':{'a':1,'b':true,'c':null,'io.rancher.container.uuid':'other'}}",
                   HEAD "'Labels':{'a':'1','b':'true','c':''," UUID_LABEL "},'HostConfig':{}}", plain);
}

TEST(system_containers_get_the_agents_proxies_which_win) {
        struct create_facts f = plain;
        f.proxy_env = proxies;
        check_body("system", "{'imageUuid':'x:1','environment':{'http_proxy':'mine','A':'1'},'labels':{'io.rancher.container.system':'true'}}",
                   HEAD "'Env':['A=1','http_proxy=http://p:1'],'Labels':{'io.rancher.container.system':'true'," UUID_LABEL "},'HostConfig':{}}", f);
        check_body("user", "{'imageUuid':'x:1','environment':{'http_proxy':'mine'}}", HEAD "'Env':['http_proxy=mine']," LABELS "'HostConfig':{}}", f);
}

TEST(a_mac_address_goes_where_the_api_version_wants_it) {
        struct create_facts f = plain;
        const char *spec = "{'imageUuid':'x:1','labels':{'io.rancher.container.mac_address':'02:00:00:00:00:01'}}";
        const char *labels = "'Labels':{'io.rancher.container.mac_address':'02:00:00:00:00:01'," UUID_LABEL "},";
        auto_free char *before = dr_xasprintf(HEAD "%s'MacAddress':'02:00:00:00:00:01','HostConfig':{}}", labels);
        auto_free char *after = dr_xasprintf(HEAD "%s'NetworkingConfig':{'EndpointsConfig':{'bridge':{'MacAddress':'02:00:00:00:00:01'}}},'HostConfig':{'NetworkMode':'bridge'}}", labels);
        f.api_minor = 43;
        check_body("1.43", spec, before, f);
        f.api_minor = 44;
        check_body("1.44", spec, after, f);
}

TEST(fields_unknown_to_the_spoken_api_version_are_left_out) {
        struct create_facts f = plain;
        f.api_minor = 24;
        check_body("1.24", "{'imageUuid':'x:1','stopTimeout':7,'runInit':true,'cpuRealtimePeriod':1,'kernelMemory':9}",
                   HEAD LABELS "'HostConfig':{'KernelMemory':9}}", f);
        f.api_minor = 42;
        check_body("1.42", "{'imageUuid':'x:1','stopTimeout':7,'runInit':true,'kernelMemory':9}", HEAD "'StopTimeout':7," LABELS "'HostConfig':{'Init':true}}", f);
}

TEST(a_spec_that_cannot_be_made_names_the_field) {
        static const struct { const char *spec, *field; } rows[] = {
                { "{}", "imageUuid" }, { "{'imageUuid':'docker:'}", "imageUuid" }, { "{'imageUuid':7}", "imageUuid" },
                { "{'imageUuid':'x','ports':['a']}", "ports" }, { "{'imageUuid':'x','ports':['80/xtp']}", "ports" },
                { "{'imageUuid':'x','ports':['70000']}", "ports" }, { "{'imageUuid':'x','ports':['1:2:3:4']}", "ports" },
                { "{'imageUuid':'x','ports':['']}", "ports" }, { "{'imageUuid':'x','ports':['80/']}", "ports" },
                { "{'imageUuid':'x','ports':['80:']}", "ports" },
                { "{'imageUuid':'x','devices':['dev']}", "devices" }, { "{'imageUuid':'x','devices':['/a:/b:q']}", "devices" },
                { "{'imageUuid':'x','devices':['/a:']}", "devices" },
                { "{'imageUuid':'x','dataVolumes':['a:b']}", "dataVolumes" }, { "{'imageUuid':'x','dataVolumes':['']}", "dataVolumes" },
                { "{'imageUuid':'x','networkMode':'container'}", "networkFromUuid" },
                { "{'imageUuid':'x','networkMode':'container','networkFromUuid':'u-gone'}", "networkFromUuid" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *text = dr_xstrdup(rows[i].spec);
                for (char *p = text; *p; p++)
                        if (*p == '\'')
                                *p = '"';
                struct dr_error err = { 0 };
                AUTO(jv_put) json_object *o = jv_parse(text, strlen(text), 1 << 20, &err);
                char *body = NULL;
                int r = create_body(o, "u1", &plain, &body, NULL, &err);
                if (r >= 0 || body || !str_eq(err.field, rows[i].field))
                        fail_msg("%s: %d, field \"%s\", %s", rows[i].spec, r, err.field, err.message);
        }
}

TEST(what_is_left_out_is_told_as_a_warning) {
        struct create_facts f = { .api_minor = 41 };
        struct dr_error err;
        const char *text = "{\"imageUuid\":\"x\",\"volumesFromUuids\":[\"u9\"],\"blkioDeviceOptions\":{\"DEFAULT_DISK\":{\"weight\":3}}}";
        AUTO(jv_put) json_object *o = jv_parse(text, strlen(text), 1 << 20, &err);
        auto_free char *body = NULL, *warnings = NULL;
        CHECK_OK(create_body(o, "u1", &f, &body, &warnings, &err), &err);
        CHECK_STR(warnings, ==, "blkioDeviceOptions for DEFAULT_DISK are left out: this host has no default disk\n"
                                "volumes from container u9 are left out: it is not on this host\n");
}

TEST(what_the_engine_or_the_control_groups_would_refuse_is_left_out_and_told) {
        static const struct { const char *spec; unsigned minor, cgroup; const char *host, *warnings; } rows[] = {
                { "\"kernelMemory\":9", 42, 1, "{}", "kernelMemory is left out: this host's engine does not take it (API 1.42)\n" },
                { "\"runInit\":true", 24, 1, "{}", "runInit is left out: this host's engine does not take it (API 1.24)\n" },
                { "\"runInit\":false", 24, 1, "{}", "" },
                { "\"memorySwappiness\":10,\"oomKillDisable\":false", 41, 2, "{}", "memorySwappiness is left out: this host has version 2 of control groups, which does not know it\n" },
                { "\"memorySwappiness\":10", 41, 1, "{\"MemorySwappiness\":10}", "" },
                { "\"secrets\":[{\"secretId\":1}]", 41, 1, "{}", "secrets are left out: no storage driver of this host serves them\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct create_facts f = { .api_minor = rows[i].minor, .cgroup_version = rows[i].cgroup };
                struct dr_error err;
                auto_free char *text = dr_xasprintf("{\"imageUuid\":\"x\",%s}", rows[i].spec), *body = NULL, *warnings = NULL;
                AUTO(jv_put) json_object *o = jv_parse(text, strlen(text), 1 << 20, &err);
                CHECK_OK(create_body(o, "u1", &f, &body, &warnings, &err), &err);
                CHECK_STR(warnings, ==, rows[i].warnings);
                AUTO(jv_put) json_object *made = jv_parse(body, strlen(body), 1 << 20, &err);
                CHECK_STR(jv_print(jv_obj(made, "HostConfig")), ==, rows[i].host);
        }
}

TEST(containers_that_speak_to_the_api_are_told_where_it_is) {
        struct create_facts f = plain;
        f.api_url = "http://10.0.0.1:8080/v1";
        const char *labels = "'Labels':{'io.rancher.container.cattle_url':'true'," UUID_LABEL "},";
        auto_free char *remote = dr_xasprintf(HEAD "'Env':['CATTLE_URL=mine','CATTLE_CONFIG_URL=http://10.0.0.1:8080/v1'],%s'HostConfig':{}}", labels);
        auto_free char *local = dr_xasprintf(HEAD "'Env':['CATTLE_URL=mine','CATTLE_AGENT_INSTANCE=true','CATTLE_CONFIG_URL_SCHEME=http','CATTLE_CONFIG_URL_PATH=/v1',"
                                             "'CATTLE_CONFIG_URL_PORT=9342'],%s'HostConfig':{}}", labels);
        const char *spec = "{'imageUuid':'x:1','environment':{'CATTLE_URL':'mine'},'labels':{'io.rancher.container.cattle_url':'true'}}";
        check_body("remote", spec, remote, f);
        f.api_url = "http://localhost:8080/v1";
        check_body("local", spec, local, f);
        check_body("others are not", "{'imageUuid':'x:1'}", HEAD LABELS "'HostConfig':{}}", f);
}

/* Docker: a given entrypoint drops the image's command, [""] drops the image's entrypoint; without any command nothing is waited for. */
TEST(a_container_on_a_cni_network_begins_with_the_entry_wait) {
        static const struct { const char *more, *image, *command, *binds; } rows[] = {
                { "", "{'Entrypoint':['/i'],'Cmd':['c']}", "'Entrypoint':['/.r/r','/i'],'Cmd':['c']", "" },
                { "'command':['u']", "{'Entrypoint':['/i'],'Cmd':['c']}", "'Cmd':['u'],'Entrypoint':['/.r/r','/i']", "" },
                { "'entryPoint':['/u']", "{'Entrypoint':['/i'],'Cmd':['c']}", "'Entrypoint':['/.r/r','/u']", "" },
                { "'entryPoint':[''],'command':['u']", "{'Entrypoint':['/i'],'Cmd':['c']}", "'Cmd':['u'],'Entrypoint':['/.r/r']", "" },
                { "", "{'Entrypoint':null,'Cmd':['c','d']}", "'Entrypoint':['/.r/r'],'Cmd':['c','d']", "" },
                { "'dataVolumes':['/a:/b','/x:/.r','/y:/.r:rw','/z:/.rest']", "{'Cmd':['c']}", "'Entrypoint':['/.r/r'],'Cmd':['c']", "'/a:/b:rw','/z:/.rest:rw'," },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *image_text = dr_xstrdup(rows[i].image);
                for (char *p = image_text; *p; p++)
                        *p = *p == '\'' ? '"' : *p;
                AUTO(jv_put) json_object *image = jv_parse(image_text, strlen(image_text), 4096, NULL);
                struct create_facts f = { .api_minor = 41, .state_dir = "/s", .image_config = image };
                auto_free char *spec = dr_xasprintf("{'imageUuid':'x:1','network':{'cni':true,'name':'vxlan','ip':'10.42.1.2/16','mac':'02:00:01:00:00:01','dns':['169.254.169.250'],"
                                                    "'dnsSearch':['a.b']},'labels':{'io.rancher.container.ip':'10.42.9.9/16'},'ports':['80:80'],'hostname':'h'%s%s}",
                                                    *rows[i].more ? "," : "", rows[i].more);
                auto_free char *got = body_of(spec, f);
                auto_free char *binds = dr_xasprintf("\"Binds\":[%s\"/s/entry:/.r:ro\",\"/s/cni:/.r/cni:ro\"]", rows[i].binds), *want = dr_xstrdup(rows[i].command);
                for (char *p = binds; *p; p++)
                        *p = *p == '\'' ? '"' : *p;
                AUTO(jv_put) json_object *body = jv_parse(got, strlen(got), 1 << 16, NULL);
                json_object *host = jv_obj(body, "HostConfig"), *labels = jv_obj(body, "Labels");
                auto_free char *wrapped = dr_xasprintf("{%s}", want);
                for (char *p = wrapped; *p; p++)
                        *p = *p == '\'' ? '"' : *p;
                AUTO(jv_put) json_object *words = jv_parse(wrapped, strlen(wrapped), 4096, NULL);
                CHECK(json_object_equal(jv_get(body, "Entrypoint"), jv_get(words, "Entrypoint")));
                CHECK(json_object_equal(jv_get(body, "Cmd"), jv_get(words, "Cmd")));
                CHECK(strstr(got, binds) != NULL);
                CHECK(!jv_get(jv_obj(body, "Volumes"), "/.r"));
                CHECK_STR(jv_str(host, "NetworkMode"), ==, "none");
                CHECK(jv_get(body, "NetworkDisabled") && !jv_bool(body, "NetworkDisabled"));
                CHECK(!jv_get(host, "PortBindings") && !jv_get(body, "ExposedPorts"));
                CHECK_STR(jv_str(body, "Hostname"), ==, "h");
                CHECK_STR(jv_str(labels, "io.rancher.cni.wait"), ==, "true");
                CHECK_STR(jv_str(labels, "io.rancher.cni.network"), ==, "vxlan");
                CHECK_STR(jv_str(labels, "io.rancher.container.mac_address"), ==, "02:00:01:00:00:01");
                CHECK_STR(jv_str(labels, "io.rancher.container.ip"), ==, "10.42.9.9/16");
                CHECK_STR(jv_text(jv_at(jv_arr(host, "Dns"), 0)), ==, "169.254.169.250");
                CHECK_STR(jv_text(jv_at(jv_arr(host, "DnsSearch"), 0)), ==, "a.b");
        }
        auto_free char *none = body_of("{'imageUuid':'x:1','network':{'cni':true}}", (struct create_facts) { .api_minor = 41, .state_dir = "/s" });
        CHECK(!strstr(none, "Entrypoint") && !strstr(none, "/.r"));
}

TEST(docker_names_are_made_from_name_and_uuid) {
        static const struct { const char *name, *want; } rows[] = {
                { "web-1", "r-web-1-12345678" }, { "W.a_b", "r-W.a_b-12345678" }, { "a", "r-12345678-aaaa" }, { "", "r-12345678-aaaa" },
                { NULL, "r-12345678-aaaa" }, { "-web", "r-12345678-aaaa" }, { "we b", "r-12345678-aaaa" }, { "wéb", "r-12345678-aaaa" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *got = container_docker_name(rows[i].name, "12345678-aaaa");
                CHECK_STR(got, ==, rows[i].want);
        }
}

TEST(every_network_kind_has_a_name) {
        for (int k = 0; k < NET_KIND_MAX; k++)
                CHECK(net_kind_to_string(k) != NULL);
        CHECK(net_kind_to_string(NET_KIND_MAX) == NULL);
}

TEST_MAIN("node/create_body")
