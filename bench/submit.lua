-- SPDX-License-Identifier: Apache-2.0
-- wrk -s bench/submit.lua: posts the smallest job again and again.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model": {"arch": "vit", "preset": "N"}, "data": {"dataset": "fashion-mnist"}}'
