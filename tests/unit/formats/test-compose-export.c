#include "check.h"
#include "compose_player.h"

#include <stdlib.h>

#include "formats/compose_export.h"

enum { LINE_BYTES_MAX = 8 << 20 };

static struct player_files files_of(const struct json_object *o) {
        const char *docker = json_str(o, "docker", ""), *rancher = json_str(o, "rancher", NULL);
        return (struct player_files) { "docker-compose.yml", docker, strlen(docker), rancher, rancher ? strlen(rancher) : 0 };
}

TEST(every_recorded_case_survives_export_and_import_and_exports_the_same_text_again) {
        auto_free char *text = player_read_file(DROVER_TEST_DATA "/compose/cases.jsonl", NULL);
        size_t read = 0, failed = 0;
        CHECK(text);
        for (char *p = text, *nl; *p && (nl = strchr(p, '\n')); p = nl + 1) {
                AUTO(json_free) struct json_object *line = NULL;
                __attribute__((cleanup(player_done))) struct player player;
                struct dr_error err = { 0 };
                CHECK_OK(json_parse(p, (size_t) (nl - p), LINE_BYTES_MAX, &line, &err), &err);
                struct player_files files = files_of(line);
                player_init(&player, "golden", json_get(line, "answers"));
                if (player_create(&player, &files) < 0)
                        continue;
                read++;
                failed += !player_round_trip(&player, json_str(line, "name", "?"));
        }
        print_message("%zu stacks came back, %zu of them changed\n", read, failed);
        CHECK_INT(read, >, 350);
        CHECK_INT(failed, ==, 0);
}


/* ---- the rules one by one ---- */

static int name(void *ctx, enum compose_ref kind, const char *id, struct compose_named *ret) {
        (void) ctx;
        if (str_eq(id, "1s9"))
                *ret = (struct compose_named) { "cache", "other" };
        else if (kind == COMPOSE_REF_SECRET)
                *ret = (struct compose_named) { "token", NULL };
        else if (kind == COMPOSE_REF_CERTIFICATE)
                *ret = (struct compose_named) { "cert1", NULL };
        else if (kind == COMPOSE_REF_CONTAINER)
                *ret = (struct compose_named) { "box", NULL };
        else
                return -ENOENT;
        return 0;
}

struct texts { char *docker, *rancher; };
static void texts_done(struct texts *t) {
        free(t->docker);
        free(t->rancher);
}

/* services, volumes: JSON texts; single quotes stand for double ones. */
static struct texts exported(const char *services, const char *volumes) {
        struct json_object *values[2] = { NULL, NULL };
        const char *in[2] = { services, volumes ? volumes : "[]" };
        struct texts t;
        struct dr_error err = { 0 };
        for (size_t i = 0; i < 2; i++) {
                auto_free char *text = dr_xstrdup(in[i]);
                for (char *p = text; *p; p++)
                        if (*p == '\'')
                                *p = '"';
                CHECK_OK(json_parse(text, strlen(text), 1 << 20, &values[i], &err), &err);
        }
        AUTO(json_free) struct json_object *stack = json_object_new_object();
        json_set_str(stack, "id", "1st5");
        json_set_str(stack, "name", "demo");
        struct compose_export_source source = { .stack = stack, .services = values[0], .volumes = values[1], .name = name };
        CHECK_OK(compose_export(&source, &t.docker, &t.rancher, &err), &err);
        json_free(values[0]);
        json_free(values[1]);
        return t;
}

static void check_export(const char *services, const char *volumes, const char *docker, const char *rancher) {
        __attribute__((cleanup(texts_done))) struct texts t = exported(services, volumes);
        const char *in[2] = { docker, rancher }, *out[2] = { t.docker, t.rancher };
        for (size_t i = 0; i < 2; i++) {
                auto_free char *crlf = dr_xmalloc(strlen(in[i]) * 2 + 1);
                char *q = crlf;
                for (const char *p = in[i]; *p; p++) {
                        if (*p == '\n')
                                *q++ = '\r';
                        *q++ = *p;
                }
                *q = 0;
                CHECK_STR(out[i], ==, crlf);
        }
}

#define V2 "version: '2'\n"

TEST(an_empty_stack_is_two_version_lines) {
        check_export("[]", NULL, V2, V2);
}

TEST(a_service_is_divided_between_both_documents) {
        check_export("[{'id':'1s1','type':'service','name':'web','scale':2,'retainIp':true,'startOnCreate':false,'metadata':{'io.rancher.service.hash':'x','k':[1,null]},"
                     "'scalePolicy':null,'launchConfig':{'type':'launchConfig','imageUuid':'docker:nginx:1','networkMode':'managed','kind':'container','vcpu':1,"
                     "'restartPolicy':{'name':'always'},'drainTimeoutMs':0,'privileged':false,'tty':true,'memory':0,'command':['sh','-c','echo $HOME'],"
                     "'labels':{'io.rancher.service.hash':'y','b':'1','a':'$x'},'logConfig':{'driver':'','config':{}},'ports':['80:80/tcp'],"
                     "'healthCheck':{'type':'instanceHealthCheck','port':80,'responseTimeout':2000,'name':null,'strategy':'recreate',"
                     "'recreateOnQuorumStrategyConfig':{'quorum':1}}}}]", NULL,
                     V2 "services:\n  web:\n    image: nginx:1\n    command:\n    - sh\n    - '-c'\n    - echo $$HOME\n    labels:\n      a: $$x\n      b: '1'\n"
                     "    mem_limit: 0\n    ports:\n    - 80:80/tcp\n    tty: true\n",
                     V2 "services:\n  web:\n    health_check:\n      port: 80\n      response_timeout: 2000\n      recreate_on_quorum_strategy_config:\n"
                     "        quorum: 1\n    metadata:\n      k:\n      - 1\n      - null\n    retain_ip: true\n    scale: 2\n");
}

TEST(a_global_service_has_no_scale_and_sidekicks_are_services_of_their_own) {
        check_export("[{'id':'1s1','type':'service','name':'a','scale':1,'launchConfig':{'imageUuid':'docker:x','dataVolumesFromLaunchConfigs':['b'],"
                     "'labels':{'io.rancher.scheduler.global':'true','io.rancher.sidekicks':'b,gone'}},"
                     "'secondaryLaunchConfigs':[{'name':'b','imageUuid':'docker:yy','networkMode':'container','networkLaunchConfig':'a','labels':{}},"
                     "{'name':'gone','imageUuid':'rancher/none'}]}]", NULL,
                     V2 "services:\n  a:\n    image: x\n    labels:\n      io.rancher.scheduler.global: 'true'\n      io.rancher.sidekicks: b\n"
                     "    volumes_from:\n    - b\n  b:\n    image: yy\n    network_mode: container:a\n", V2);
}

TEST(links_go_to_services_of_this_stack_and_of_others_and_by_name) {
        check_export("[{'id':'1s1','type':'service','name':'a','launchConfig':{'imageUuid':'docker:x'},'linkedServices':{'demo/b':'1s2','c':'1s9','gone':'1s77'},"
                     "'serviceLinks':[{'name':'z','service':'env/st/svc'}]},{'id':'1s2','type':'service','name':'b','launchConfig':{'imageUuid':'docker:yy'}}]", NULL,
                     V2 "services:\n  a:\n    image: x\n    external_links:\n    - env/st/svc:z\n    - other/cache:c\n    links:\n    - b\n  b:\n    image: yy\n", V2);
}

TEST(balancers_name_targets_and_certificates_and_lose_rules_whose_target_is_gone) {
        check_export("[{'id':'1s1','type':'loadBalancerService','name':'lb','launchConfig':{'imageUuid':'docker:lb','ports':['80']},'linkedServices':{'x':'1s9'},"
                     "'lbConfig':{'certificateIds':['1c1'],'defaultCertificateId':'1c1','config':'defaults\\nx','portRules':["
                     "{'sourcePort':80,'targetPort':8080,'serviceId':'1s9','protocol':'http'},{'sourcePort':81,'serviceId':'1s77'},{'sourcePort':82,'selector':'a=b'}]}}]",
                     NULL, V2 "services:\n  lb:\n    image: lb\n    ports:\n    - '80'\n",
                     V2 "services:\n  lb:\n    lb_config:\n      port_rules:\n      - source_port: 80\n        protocol: http\n        service: other/cache\n"
                     "        target_port: 8080\n      - source_port: 82\n        selector: a=b\n      certs:\n      - cert1\n      default_cert: cert1\n"
                     "      config: |-\n        defaults\n        x\n");
}

TEST(kinds_have_their_images_and_drivers_their_keys_in_snake_case) {
        check_export("[{'type':'externalService','name':'e','externalIpAddresses':['1.2.3.4'],'launchConfig':null,'healthCheck':{'port':1}},"
                     "{'type':'dnsService','name':'d','launchConfig':{'imageUuid':'docker:whatever'}},"
                     "{'type':'storageDriverService','name':'s','launchConfig':{'imageUuid':'docker:s'},'storageDriver':{'volumeAccessMode':'multiHostRW','name':'nfs'}},"
                     "{'type':'networkDriverService','name':'t','launchConfig':{'imageUuid':'docker:t'},'networkDriver':{'defaultNetwork':{'hostPorts':true,"
                     "'subnets':[{'networkAddress':'10.42.0.0/16'}]},'cniConfig':{'10-x.conf':{'hairpinMode':true}}}}]", NULL,
                     V2 "services:\n  d:\n    image: rancher/dns-service\n  e:\n    image: rancher/external-service\n  s:\n    image: s\n  t:\n    image: t\n",
                     V2 "services:\n  e:\n    external_ips:\n    - 1.2.3.4\n    health_check:\n      port: 1\n  s:\n    storage_driver:\n      name: nfs\n"
                     "      volume_access_mode: multiHostRW\n  t:\n    network_driver:\n      default_network:\n        host_ports: true\n        subnets:\n"
                     "        - network_address: 10.42.0.0/16\n      cni_config:\n        10-x.conf:\n          hairpinMode: true\n");
}

TEST(volumes_secrets_and_lists_have_their_short_forms) {
        check_export("[{'type':'service','name':'a','selectorContainer':'x=y','launchConfig':{'imageUuid':'docker:x','volumeDriver':'nfs','dataVolumes':['/anon','v:/v','w:/w:ro','/h:/h'],"
                     "'tmpfs':{'/t':'','/s':'rw'},'ulimits':[{'name':'nofile','soft':1,'hard':2},{'name':'core','soft':0}],'dataVolumesFrom':['1i4'],"
                     "'blkioDeviceOptions':{'/dev/sda':{'readBps':5,'weight':7}},'secrets':[{'secretId':'1se1','name':'token'},"
                     "{'secretId':'1se1','name':'t2','uid':'0','gid':'0','mode':'444'}]}}]",
                     "[{'name':'v','driver':'local','driverOpts':{'o':'$x'},'external':false,'perContainer':true}]",
                     V2 "services:\n  a:\n    image: x\n    blkio_weight_device:\n      /dev/sda: 7\n    device_read_bps:\n      /dev/sda: 5\n    labels:\n"
                     "      io.rancher.service.selector.container: x=y\n    secrets:\n    - token\n    - source: token\n      target: t2\n      uid: '0'\n      gid: '0'\n"
                     "      mode: '0444'\n    tmpfs:\n    - /s:rw\n    - /t\n    ulimits:\n      core: 0\n      nofile:\n        hard: 2\n        soft: 1\n"
                     "    volumes:\n    - /anon\n    - v:/v\n    - w:/w:ro\n    - /h:/h\n    volumes_from:\n    - box\n"
                     "volumes:\n  v:\n    driver: local\n    driver_opts:\n      o: $$x\n    per_container: true\n  w:\n    driver: nfs\n    external: true\n"
                     "secrets:\n  token:\n    external: 'true'\n", V2);
}

TEST(text_that_looks_like_a_template_is_marked_as_none) {
        __attribute__((cleanup(texts_done))) struct texts t =
                exported("[{'type':'service','name':'a','launchConfig':{'imageUuid':'docker:x','labels':{'tag':'{{.Name}}'}}}]", NULL);
        CHECK(str_starts(t.docker, "# notemplating\r\nversion: '2'\r\n"));
        CHECK(str_starts(t.rancher, "version: '2'\r\n"));
}

TEST_MAIN("formats/compose-export")
