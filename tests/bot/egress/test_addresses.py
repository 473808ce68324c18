"""Which URLs of users are refused, and why; which are not."""

from __future__ import annotations

import ipaddress

import pytest

from bot.egress.addresses import AddressRefused, check, is_public, parse, parse_networks

_NOT_PUBLIC = """
127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.254
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.7
203.0.113.9 224.0.0.1 224.0.1.1 233.252.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
64:ff9b::169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8 100::1 100:0:0:1::1 2001::1
2001:0:4136:e378:8000:63bf:3fff:fdd2
2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1 2620:4f:8000::1
2a00:1450:4001:82a:0:5efe:7f00:1 2a00:1450:4001:82a:200:5efe:a00:1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1
fd00:ec2::254 fd12:3456:789a::1 fe80::1 fe80::a9fe:a9fe fec0::1 ff02::1 ff0e::1
"""
NOT_PUBLIC = _NOT_PUBLIC.split()

REFUSED = {
    "malformed": [
        "",
        "https:",
        "https://",
        "https:///path",
        "https:hooks.example.com",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\n",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://127。0。0。1/",
        "https://ｌocalhost/",
        "https://hooks.example.com/{x}",
        "https://hooks.example.com/" + "a" * 2048,
    ],
    "scheme": [
        "hooks.example.com",
        "//hooks.example.com",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "unix:///run/docker.sock",
        "javascript:alert(1)",
    ],
    "credentials": [
        "https://me:pw@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https://127.0.0.1:80@hooks.example.com/",
        "https://@127.0.0.1/",
    ],
    "fragment": ["https://hooks.example.com/#@127.0.0.1", "https://hooks.example.com#"],
    "host": [
        "https://2130706433/",  # decimal
        "https://0x7f000001/",  # hexadecimal
        "https://0x7f.0.0.1/",
        "https://0X7F.1/",
        "https://0177.0.0.1/",  # octal
        "https://017700000001/",
        "https://127.1/",  # short
        "https://127.0.1/",
        "https://0/",
        "https://127.0.0.1../",
        "https://127.0.0.01/",
        "https://127.0.0.256/",
        "https://1.2.3.4.5/",
        "https://hooks.example.0x/",
        "https://hooks.example.1/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[v1.a]/",
        "https://[127.0.0.1]/",
        "https://%31%32%37.0.0.1/",
        "https://hooks..example.com/",
        "https://-hooks.example.com/",
        "https://" + "a" * 64 + ".com/",
        "https://" + "a." * 130 + "com/",
        "https://hooks.example.com:/",
        "https://hooks.example.com:443x/",
        "https://hooks.example.com:80:443/",
    ],
    "port": [
        "https://hooks.example.com:0/",
        "https://hooks.example.com:22/",
        "https://hooks.example.com:25/",
        "https://hooks.example.com:80/",
        "https://hooks.example.com:465/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com:99999/",
    ],
    "not_public": ["https://localhost/", "https://LOCALHOST./", "https://a.localhost/", "https://127.0.0.1./x"],
}


def hosted(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def reason_against(url: str) -> str | None:
    try:
        parse(url)
    except AddressRefused as refused:
        return refused.reason
    return None


def test_an_address_that_is_not_public_is_refused_as_host_and_as_answer_of_a_name_server() -> None:
    assert len(set(NOT_PUBLIC)) > 70
    named = parse("https://hooks.example.com/")
    for address in NOT_PUBLIC:
        assert (address, reason_against(f"https://{hosted(address)}/hook")) == (address, "not_public")
        for answer in ([address], ["93.184.215.14", address], [address, "2606:4700::1111"]):
            with pytest.raises(AddressRefused):
                check(named, [ipaddress.ip_address(one) for one in answer])


@pytest.mark.parametrize("reason", REFUSED)
def test_a_url_that_could_mislead_is_refused_for_its_reason(reason: str) -> None:
    assert {url: reason_against(url) for url in REFUSED[reason]} == dict.fromkeys(REFUSED[reason], reason)


def test_a_zone_or_no_answer_is_never_public() -> None:
    target = parse("https://hooks.example.com/")
    for answer in ([], [ipaddress.ip_address("2606:4700::1111%eth0")], [ipaddress.ip_address("fe80::1%1")]):
        with pytest.raises(AddressRefused):
            check(target, answer)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::1.1.1.1"]
)
def test_a_public_address_is_taken(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert parse(f"https://{hosted(address)}/").literal == ipaddress.ip_address(address)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("HTTPS://Hooks.Example.COM.:443", "https://hooks.example.com/"),
        ("https://hooks.example.com:8443/A?b=%20", "https://hooks.example.com:8443/A?b=%20"),
        ("https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example/x"),
        ("https://[2606:4700:0000::1111]:4443/", "https://[2606:4700::1111]:4443/"),
    ],
)
def test_what_is_used_is_what_was_read(url: str, read: str) -> None:
    assert parse(url).url == read


def test_the_operators_own_networks_are_open_by_http_on_any_port_and_nothing_else_is() -> None:
    allow = parse_networks("10.1.0.0/16, 127.0.0.1, fd00::/8")
    for url in ("http://10.1.2.3:80/", "http://localhost:9000/", "https://[fd00::1]:22/"):
        assert parse(url, allow).literal is not None
    for url in ("http://10.2.0.1/", "https://127.0.0.2/", "https://[::ffff:10.1.2.3]/", "http://1.1.1.1/"):
        with pytest.raises(AddressRefused):
            parse(url, allow)
    receiver = parse("http://receiver:8080/hook", allow)
    check(receiver, [ipaddress.ip_address("10.1.0.9")], allow)
    for answer in (["1.1.1.1"], ["10.1.0.9", "1.1.1.1"], ["10.2.0.1"]):
        with pytest.raises(AddressRefused):
            check(receiver, [ipaddress.ip_address(one) for one in answer], allow)


def test_networks_that_cannot_be_read_are_an_error() -> None:
    assert parse_networks(" ") == ()
    for text in ("10.0.0.0/33", "10.0.0.1/8", "intranet"):
        with pytest.raises(ValueError):
            parse_networks(text)
