from curation.review.embedded.sqlite_argilla.pages import security_policy


def test_the_pages_run_their_own_scripts_and_no_others() -> None:
    policy = security_policy("<script>start()</script><script src='/a.js'></script>")
    # printf 'start()' | openssl dgst -sha256 -binary | base64
    assert "script-src 'self' 'sha256-" in policy and policy.count("sha256-") == 1
    assert security_policy("<script>start()</script>", "<script>go()</script>").count("sha256-") == 2
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_the_pages_load_from_this_server_only() -> None:
    assert "http" not in security_policy("") and "default-src 'self'" in security_policy("")
