# SPDX-License-Identifier: Apache-2.0
# tests/unit/http/NAME_test.c mirrors daemon/{http,sse,api}/NAME.c.
if HAVE_CMOCKA
HTTP_TEST_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(LIBUV_CFLAGS) $(SQLITE_CFLAGS) $(MICROHTTPD_CFLAGS) $(CMOCKA_CFLAGS)
HTTP_TEST_LIBS = libhttp.a libdaemon.a libweb.a libbase.a \
	$(MICROHTTPD_LIBS) $(NETTLE_LIBS) $(NETTLE_LIBS) $(SQLITE_LIBS) $(LIBUV_LIBS) $(SYSTEMD_LIBS) $(CJSON_LIBS) $(YAML_LIBS) $(CMOCKA_LIBS) -lm
http_tests =
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)

http_tests += tests/unit/http/auth_test
tests_unit_http_auth_test_SOURCES = tests/unit/http/auth_test.c tests/unit/scratch.h
tests_unit_http_auth_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_auth_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/cache_test
tests_unit_http_cache_test_SOURCES = tests/unit/http/cache_test.c
tests_unit_http_cache_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_cache_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/files_test
tests_unit_http_files_test_SOURCES = tests/unit/http/files_test.c tests/unit/scratch.h
tests_unit_http_files_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_files_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/glob_test
tests_unit_http_glob_test_SOURCES = tests/unit/http/glob_test.c
tests_unit_http_glob_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_glob_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/guard_test
tests_unit_http_guard_test_SOURCES = tests/unit/http/guard_test.c
tests_unit_http_guard_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_guard_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/hub_test
tests_unit_http_hub_test_SOURCES = tests/unit/http/hub_test.c tests/unit/http/client.c tests/unit/http/client.h tests/unit/scratch.h
tests_unit_http_hub_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_hub_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/merge_test
tests_unit_http_merge_test_SOURCES = tests/unit/http/merge_test.c
tests_unit_http_merge_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_merge_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/mhd_test
tests_unit_http_mhd_test_SOURCES = tests/unit/http/mhd_test.c tests/unit/http/client.c tests/unit/http/client.h tests/unit/scratch.h
tests_unit_http_mhd_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_mhd_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/problem_test
tests_unit_http_problem_test_SOURCES = tests/unit/http/problem_test.c
tests_unit_http_problem_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_problem_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/range_test
tests_unit_http_range_test_SOURCES = tests/unit/http/range_test.c
tests_unit_http_range_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_range_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/ring_test
tests_unit_http_ring_test_SOURCES = tests/unit/http/ring_test.c
tests_unit_http_ring_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_ring_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/router_test
tests_unit_http_router_test_SOURCES = tests/unit/http/router_test.c
tests_unit_http_router_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_router_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/routes_test
tests_unit_http_routes_test_SOURCES = tests/unit/http/routes_test.c
tests_unit_http_routes_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_routes_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/summary_json_test
tests_unit_http_summary_json_test_SOURCES = tests/unit/http/summary_json_test.c
tests_unit_http_summary_json_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_summary_json_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/throttle_test
tests_unit_http_throttle_test_SOURCES = tests/unit/http/throttle_test.c
tests_unit_http_throttle_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_throttle_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/tokens_test
tests_unit_http_tokens_test_SOURCES = tests/unit/http/tokens_test.c tests/unit/scratch.h
tests_unit_http_tokens_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_tokens_test_LDADD = $(HTTP_TEST_LIBS)

http_tests += tests/unit/http/url_test
tests_unit_http_url_test_SOURCES = tests/unit/http/url_test.c
tests_unit_http_url_test_CFLAGS = $(HTTP_TEST_CFLAGS)
tests_unit_http_url_test_LDADD = $(HTTP_TEST_LIBS)
endif
