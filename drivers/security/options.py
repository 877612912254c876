"""What a technician sets for a maker's box that asks for security services, and for test keys."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from drivers.address import tcp_of


def _tcp(text: str) -> str:
    tcp = tcp_of(text)
    if tcp is None or tcp[1] not in range(1, 65536):
        raise ValueError("须为 tcp://本机地址:端口 / must be tcp://our own address:port")
    return text


class BoxOptions(BaseModel):
    """One `[[box]]`: a Genvict box that connects to us (rsu-protocol 9.1)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=32, description="盒子名称 / its name")]
    listen: Annotated[
        str,
        AfterValidator(_tcp),
        Field(description="本机监听地址，盒子连接此处 / where we listen for it, e.g. tcp://0.0.0.0:21004"),
    ]
    security: Annotated[
        Literal["remote", "software"],
        Field(
            description="谁有密钥：remote 为平台 (仅 PSAM 授权)，software 为软件 (仅测试密钥) / who has the keys: "
            "the platform, for PSAM authorisation only, or software with test keys"
        ),
    ] = "remote"
    ceiling_fen: Annotated[
        int, Field(gt=0, le=1_000_000, description="单笔扣费上限(分) / largest debit that gets MAC1")
    ] = 50_000


def _hex(digits: int) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(rf"[0-9A-Fa-f]{{{digits}}}", text):
            raise ValueError(f"须为 {digits} 位十六进制数字 / must be {digits} hex digits")
        return text.lower()

    return AfterValidator(check)


class SoftwareKeys(BaseModel):
    """`[software_keys]`: TEST KEYS ONLY, for demo and tests; never a real one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vehicle: Annotated[str, _hex(32), Field(description="车辆信息主密钥 / master key of vehicle files", repr=False)]
    purchase: Annotated[str, _hex(32), Field(description="消费主密钥 / master key of purchases", repr=False)]
    authorisation: Annotated[str, _hex(32), Field(description="PSAM 授权密钥 / authorises PSAMs", repr=False)]
    terminal: Annotated[str, _hex(12), Field(description="终端机编号 / terminal number")] = "990100000001"
