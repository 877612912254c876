"""What a technician sets for an antenna."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.address import Address


class ReaderOptions(BaseModel):
    """One `[[reader]]` of the site's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, description="天线名称，供车道引用 / its name, for the lane")]
    dialect: Annotated[str, Field(description="天线协议 / what the antenna speaks, e.g. soulin or wanji")]
    port: Annotated[Address, Field(description="serial:///dev/ttyS0 or tcp://192.168.1.20:9527")]
    tx_power: Annotated[int, Field(ge=0, le=31, description="发射功率级 / power step")] = 10
    channel: Annotated[Literal[1, 2], Field(description="信道，相邻天线须不同 / neighbours must differ")] = 1
    holding: Annotated[
        bool,
        Field(
            description="等待落盘时是否发保持应答 / whether to answer while the intent is being written; F2 has no "
            "proven holding answer, so this can be refused there"
        ),
    ] = True
    security: Annotated[
        Literal["rsu", "remote", "software"],
        Field(
            description="PSAM 由谁授权：天线自身、平台、软件（仅测试密钥）/ who authorises its PSAM: the antenna "
            "itself, the platform, or software with test keys"
        ),
    ] = "rsu"
    clock_minutes: Annotated[int, Field(ge=1, le=1440, description="空闲校时间隔 / C0 again when idle")] = 60
