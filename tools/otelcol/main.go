// Command otelcol is an OpenTelemetry collector with the OTLP receiver, for tests. Its
// exporter appends the log records that it gets to a file, as OTLP's JSON, a request a
// line.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func main() {
	cmd := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otelcol", Description: "Collector for tests", Version: "0.165.0"},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			DefaultScheme:     "file",
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
		}},
	})
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func factories() (otelcol.Factories, error) {
	receivers, err := otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	exporters, err := otelcol.MakeFactoryMap[exporter.Factory](lines())
	return otelcol.Factories{Receivers: receivers, Exporters: exporters, Telemetry: otelconftelemetry.NewFactory()}, err
}

// config is where the exporter writes to.
type config struct {
	Path string `mapstructure:"path"`
}

// lines makes the exporter.
func lines() exporter.Factory {
	return exporter.NewFactory(component.MustNewType("lines"), func() component.Config { return &config{} },
		exporter.WithLogs(func(_ context.Context, _ exporter.Settings, cfg component.Config) (exporter.Logs, error) {
			file, err := os.OpenFile(cfg.(*config).Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			return &writer{file: file}, err
		}, component.StabilityLevelDevelopment))
}

// writer writes each request before it is answered, so a kill takes nothing that was
// acknowledged.
type writer struct {
	mu   sync.Mutex
	file *os.File
	json plog.JSONMarshaler
}

func (*writer) Start(context.Context, component.Host) error { return nil }
func (w *writer) Shutdown(context.Context) error            { return w.file.Close() }
func (*writer) Capabilities() consumer.Capabilities         { return consumer.Capabilities{} }

func (w *writer) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	line, err := w.json.MarshalLogs(logs)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.file.Write(append(line, '\n'))
	return err
}
