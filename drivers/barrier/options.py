"""What a technician sets for a barrier."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from drivers.address import Address


class BarrierOptions(BaseModel):
    """One `[[barrier]]` of the site's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, description="道闸名称，供车道引用 / its name, for the lane")]
    profile: Annotated[Path, Field(description="控制板接线文件 / the board's profile, relative to this file")]
    port: Annotated[Address, Field(description="tcp://192.168.1.30:502 or serial:///dev/ttyS1?baud=9600")]
    unit: Annotated[int, Field(ge=1, le=247, description="Modbus 地址 / Modbus address")] = 1
