"""Secrets by shape, in links and in words; addresses of devices."""

import pytest

from curation.privacy import finds

GULF = ("SA", "AE", "EG", "JO")
# Put together of parts, so that no scanner of repositories takes this file for a leak.
KEYS = [
    "sk-" + "proj-a8Fk2LmQ9zXv7Rt4Bn1Yc6Wd3Hs5Jp0U",
    "sk-" + "or-v1-a8f2c2e4b6d8f0a1b3c5d7e9f1a3b5c7",
    "AKIA" + "Z7Q2MX4L9P3R8T6V",
    "ASIA" + "Z7Q2MX4L9P3R8T6V",
    "gho_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "xoxp-" + "1234567890-abcdefABCDEF12",
    "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123_-x",
    "glpat-" + "Zx8Cv7Bn6Ma5Sd4Fg3Hj",
]


def found(text: str) -> list[tuple[str, str]]:
    return [(find.kind, text[find.start : find.end]) for find in finds(text, GULF, "")]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "sentence", ["{}", "my key is {}.", 'x = "{}"', "مفتاحي {} لا يعمل", '{{"key": "{}"}}', "`{}`, thanks"]
)
def test_a_key_is_known_by_its_shape_and_takes_no_sign_with_it(key: str, sentence: str):
    assert found(sentence.format(key)) == [("secret", key)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("the wifi password is BlueLagoon", "BlueLagoon"),
        ("Wi-Fi password: sunshine", "sunshine"),
        ("كلمة سر الواي فاي ahmad12345", "ahmad12345"),
        ("كلمة مرور الشبكة هي Home@2024", "Home@2024"),
        ("الباسوورد حقي: qwer7890", "qwer7890"),
        ("my PIN for the card is 4821", "4821"),
        ("the CVV on the back is 317", "317"),
        ("OTP you sent me: 559 102", "559 102"),
        ("رمز التحقق اللي وصلني ٦٦٣٢٠١", "٦٦٣٢٠١"),
        ("وصلني كود 4471", "4471"),
        ('password is "open sesame1"', None),
        ("https://a.example/magic-link/Zx8Cv7Bn6Ma5Sd4Fg3Hj now", "Zx8Cv7Bn6Ma5Sd4Fg3Hj"),
        ("(https://a.example/?token=Zx8Cv7Bn6Ma5)", "Zx8Cv7Bn6Ma5"),
        ('{"X-Api-Key": "9f8a7c6b5d4e3f2a"}', None),
        ("Authorization: Basic dXNlcjpwYXNzd29yZDE=", "dXNlcjpwYXNzd29yZDE="),
    ],
)
def test_what_people_and_links_say_of_secrets_is_found(text: str, value: str | None):
    assert value is None or ("secret", value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "password: required",
        "my password is wrong",
        "the wifi password is missing",
        "is the wifi password printed below?",
        "كلمة المرور غير صحيحة",
        "كود الخصم SAVE20",
        "error code 503",
        "promo code 202020",
        "https://shop.example/?code=SAVE20",
        "https://shop.example/help/reset-password",
        "sk-II cream",
        "session id: 1034567897",
    ],
)
def test_talk_of_passwords_and_codes_of_shops_is_no_secret(text: str):
    assert found(text) == []


@pytest.mark.parametrize(
    "address",
    [
        "2001:db8::42",
        "2a00:1450:4009::200e",
        "fd12:3456::1",
        "3C:22:FB:9A:01:7E",
        "3c-22-fb-9a-01-7e",
        "3c22.fb9a.017e",
    ],
)
def test_addresses_of_devices_are_found_in_all_their_forms(address: str):
    assert found(f"it is {address}, blocked") == [("ip_address", address)]


@pytest.mark.parametrize("text", ["std::vector", "a::b::c", "10:30:45", "ratio 3:4:5", "::1", "SKU 12-34-56-78"])
def test_colons_are_no_addresses(text: str):
    assert found(text) == []
