"""An ESME on smpplib: binds, submits what it is told, says how each was answered, unbinds."""

import json
import logging
import sys

import smpplib.client
import smpplib.consts
import smpplib.exceptions

logging.disable(logging.CRITICAL)


def say(name, value):
    print(json.dumps({name: value}), flush=True)


def told():
    return json.loads(sys.stdin.readline())


setup = told()
client = smpplib.client.Client("127.0.0.1", setup["port"], allow_unknown_opt_params=True)
client.connect()
try:
    client.bind_transmitter(system_id=setup["system_id"], password=setup["password"])
    say("bound", True)
except smpplib.exceptions.PDUError as error:
    say("bound", error.args[1])
    sys.exit()

for message in setup["messages"]:
    sent = client.send_message(
        source_addr_ton=smpplib.consts.SMPP_TON_INTL,
        source_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
        source_addr=message["from"].lstrip("+"),
        dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
        dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
        destination_addr="8610690001",
        data_coding=message["coding"],
        short_message=message["text"].encode("utf-16-be" if message["coding"] == 8 else "ascii"),
    )
    answer = client.read_pdu()
    assert answer.sequence == sent.sequence, (answer.sequence, sent.sequence)
    say("answered", {"command": answer.command, "status": answer.status})
client.unbind()
client.disconnect()
say("unbound", True)
