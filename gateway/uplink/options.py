"""What a technician sets for a platform: one `[[uplink]]` of the configuration."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_HOST = re.compile(r"[0-9A-Za-z_-]{1,63}(\.[0-9A-Za-z_-]{1,63}){0,20}\.?|[0-9A-Fa-f:]{2,39}")


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("须为主机名或 IP 地址 / must be a host name or an IP address")
    return text


class TlsOptions(BaseModel):
    """TLS towards a broker. An empty table trusts the system's authorities."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_file: Annotated[
        Path | None, Field(description="信任的 CA 证书，默认用系统的 / the CA to trust, PEM; default the system's")
    ] = None
    cert_file: Annotated[Path | None, Field(description="本机证书 / our own certificate, PEM")] = None
    key_file: Annotated[Path | None, Field(description="本机证书的私钥 / the key of cert_file, PEM")] = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file 与 key_file 须同时给出 / cert_file and key_file go together")
        return self


class UplinkOptions(BaseModel):
    """One platform, reached through an MQTT 5 broker. Times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[
        str,
        Field(
            pattern=r"^[0-9A-Za-z_-]{1,32}$",
            description="平台名称，其同步进度记在此名下 / its name; how far it has confirmed is kept under it",
        ),
    ]
    host: Annotated[str, AfterValidator(_host), Field(description="MQTT 服务器 / host of the MQTT broker")]
    port: Annotated[
        int | None,
        Field(ge=1, le=65535, description="端口，默认 8883 (TLS) 或 1883 / default 8883 with tls, else 1883"),
    ] = None
    username: Annotated[str | None, Field(max_length=256, description="用户名 / user name")] = None
    password_file: Annotated[
        Path | None, Field(description="存放密码的文件 / file whose first line is the password")
    ] = None
    tls: Annotated[
        TlsOptions | None, Field(description="不写则不加密 / without this table nothing is encrypted")
    ] = None
    client_id: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=64,
            description="MQTT 客户端标识，默认由网关编号和平台名称组成；两台设备不得相同 / "
            "default made of the gateway's id and the name; no two clients of a broker may share it",
        ),
    ] = None
    keepalive: Annotated[int, Field(ge=5, le=300, description="空闲心跳间隔 / ping when idle")] = 15
    confirm: Annotated[
        Literal["ack", "broker"],
        Field(
            description="什么算送达：ack 为平台应用层应答，broker 为服务器接收 / what counts as delivered: "
            "the platform's own ack, or the broker's"
        ),
    ] = "ack"
    window: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="未确认消息上限，不得超过服务器的 Receive Maximum / messages unconfirmed at a time; "
            "not above the broker's receive maximum",
        ),
    ] = 20
    ack_timeout: Annotated[float, Field(gt=0, le=600, description="等平台确认多久后重发 / then send again")] = 15.0
    publish_timeout: Annotated[
        float, Field(gt=0, le=60, description="等服务器应答多久后重连 / then the connection is dropped")
    ] = 5.0

    @property
    def broker_port(self) -> int:
        """The port as set, else the usual one."""
        return self.port or (8883 if self.tls else 1883)
